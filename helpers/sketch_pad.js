// The sketch pad: a sheet to draw on at the left, at the right what Python makes of it.
// The sheet is kept at SCALE times the size of the network's input; its means are what is sent.

const SCREEN = 384; // screen pixels of the sheet
const PENCIL = "#737373"; // 115, the grey of the hatching in the course's sketches

function render({ model, el }) {
  const size = model.get("size");
  const scale = Math.max(1, Math.round(SCREEN / size));
  const side = size * scale;
  const undone = []; // the sheets before the last strokes
  let tool = "pen", last = null, drawing = false, finger = null; // finger: the pointer that draws, one at a time

  const bar = element("div", el, { display: "flex", flexWrap: "wrap", gap: "6px", alignItems: "center", marginBottom: "8px" }, { className: "sketch-tools" });
  const row = element("div", el, { display: "flex", flexWrap: "wrap", gap: "16px", alignItems: "flex-start" });
  const style = { width: `${SCREEN}px`, height: `${SCREEN}px`, border: "1px solid #888", imageRendering: "pixelated" };
  const sheet = element("canvas", row, { ...style, cursor: "crosshair", touchAction: "none" }, { width: side, height: side, className: "sketch-sheet", tabIndex: 0 });
  sheet.setAttribute("role", "img");
  sheet.setAttribute("aria-label", "Sheet. Draw with the mouse, a pen or a finger.");
  const picture = element("canvas", row, style, { width: size, height: size, className: "sketch-picture" });
  const message = element("pre", el, { color: "#b00" });
  const pen = sheet.getContext("2d", { willReadFrequently: true });

  function button(text, title, action) {
    const made = element("button", bar, { padding: "4px 10px" }, { type: "button", textContent: text, title });
    made.addEventListener("click", action);
    return made;
  }

  function choose(name) {
    tool = name;
    for (const [key, made] of Object.entries(tools)) {
      made.style.fontWeight = key === name ? "bold" : "normal";
      made.setAttribute("aria-pressed", String(key === name));
    }
  }

  const tools = {
    pen: button("Pen", "Draw black lines", () => choose("pen")),
    pencil: button("Pencil", "Draw thin grey lines, for hatching", () => choose("pencil")),
    eraser: button("Eraser", "Draw white", () => choose("eraser")),
  };
  const label = element("label", bar, { font: "13px sans-serif" }, { textContent: "Width " });
  const width = element("input", label, { width: "90px", verticalAlign: "middle" }, { type: "range", min: 1, max: 8, step: 0.5, value: 1.5, title: "Width of the line, in pixels of the network" });
  button("Undo", "Take the last stroke back", () => {
    if (!undone.length) return;
    pen.putImageData(undone.pop(), 0, 0);
    send();
  });
  button("Clear", "An empty sheet", () => {
    keep();
    blank();
    send();
  });
  const sketches = model.get("sketches");
  const choice = element("select", bar, { padding: "4px" }, { title: "Load a sketch" });
  element("option", choice, {}, { value: "", textContent: "Load a sketch ..." });
  for (let n = 0; n < sketches.byteLength / (size * size); n++) element("option", choice, {}, { value: n, textContent: `Sketch ${n + 1}` });
  choice.addEventListener("change", () => {
    if (choice.value === "") return;
    keep();
    const bytes = new Uint8Array(sketches.buffer, sketches.byteOffset + choice.value * size * size, size * size);
    show(Array.from(bytes));
    choice.value = "";
    send();
  });

  function blank() {
    pen.fillStyle = "white";
    pen.fillRect(0, 0, side, side);
  }

  function keep() {
    undone.push(pen.getImageData(0, 0, side, side));
    if (undone.length > 30) undone.shift();
  }

  // Put grey values, one for each pixel of the network, onto the sheet.
  function show(greys) {
    const pixels = pen.createImageData(side, side);
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const grey = greys[Math.floor(y / scale) * size + Math.floor(x / scale)];
        pixels.data.set([grey, grey, grey, 255], 4 * (y * side + x));
      }
    }
    pen.putImageData(pixels, 0, 0);
  }

  // The mean of each block of the sheet: what the network sees.
  function greys() {
    const pixels = pen.getImageData(0, 0, side, side).data;
    const sums = new Float64Array(size * size);
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) sums[Math.floor(y / scale) * size + Math.floor(x / scale)] += pixels[4 * (y * side + x)];
    }
    return Array.from(sums, (sum) => Math.round(sum / (scale * scale)));
  }

  function send() {
    drawing = true;
    asker.moveTo(greys());
    drawing = false;
  }

  function drawPicture() {
    const bytes = model.get("picture");
    if (bytes.byteLength === 3 * size * size) {
      const pixels = new Uint8ClampedArray(4 * size * size).fill(255);
      new Uint8Array(bytes.buffer, bytes.byteOffset, 3 * size * size).forEach((value, i) => (pixels[4 * Math.floor(i / 3) + (i % 3)] = value));
      picture.getContext("2d").putImageData(new ImageData(pixels, size, size), 0, 0);
    }
    message.textContent = model.get("message");
  }

  function place(event) {
    const box = sheet.getBoundingClientRect();
    return [((event.clientX - box.left - 1) / (box.width - 2)) * side, ((event.clientY - box.top - 1) / (box.height - 2)) * side];
  }

  function strokeTo(next) {
    pen.strokeStyle = { pen: "black", pencil: PENCIL, eraser: "white" }[tool];
    pen.lineWidth = scale * { pen: width.value, pencil: 1, eraser: 3 * width.value }[tool];
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...next);
    pen.stroke();
    last = next;
    send();
  }

  sheet.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || finger !== null) return; // only the left button, a pen or a finger
    event.preventDefault();
    finger = event.pointerId;
    sheet.setPointerCapture(event.pointerId);
    keep();
    last = place(event);
    strokeTo([last[0] + 0.01, last[1]]); // a click makes a dot
  });
  sheet.addEventListener("pointermove", (event) => event.pointerId === finger && strokeTo(place(event)));
  sheet.addEventListener("lostpointercapture", (event) => {
    if (event.pointerId === finger) finger = null;
  });

  const asker = pictureAsker(model, el, "sheet", () => drawing || show(asker.place), drawPicture); // a sheet that Python or another view sent
  choose("pen");
  show(model.get("sheet"));
  drawPicture();
  return asker.stop;
}

export default { render };
