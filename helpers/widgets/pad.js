// The sketch pad: a sheet to draw on at the left, at the right what Python makes of it.
// The sheet has `scale` times the pixels that Python gets; what is sent are means of its blocks.

const SCREEN = 384; // screen pixels of the sheet's longer side
const COLOURS = ["black", "#737373", "white"]; // of the tools; 115 is the grey of the sketches' hatching

function render(context) {
  const { sketches } = context.model.get("given");
  const [height, width] = sketches[0].shape;
  const scale = Math.max(1, Math.round(SCREEN / Math.max(height, width)));
  const small = document.createElement("canvas");
  const undone = []; // the sheets before the last strokes
  let last;

  const bar = element("div", context.el, BAR);
  const row = element("div", context.el, ROW);
  const style = { width: `${(SCREEN * width) / Math.max(height, width)}px`, imageRendering: "pixelated" };
  const size = { width: scale * width, height: scale * height };
  const sheet = makeSheet(row, style, { ...size, className: "pad-sheet", ariaLabel: "Sheet to draw on" }, strokeTo);
  const picture = element("canvas", row, { ...style, border: "1px solid #888" }, { className: "pad-picture" });
  const pen = sheet.getContext("2d", { willReadFrequently: true });

  function load(values) {
    drawPicture(small, { shape: [height, width], values });
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, size.width, size.height);
  }

  function keep() {
    undone.push(pen.getImageData(0, 0, size.width, size.height));
    undone.splice(0, undone.length - 30);
  }

  function send() {
    const pixels = pen.getImageData(0, 0, size.width, size.height).data;
    const sums = new Float64Array(height * width);
    for (let i = 0; i < size.height * size.width; i++) {
      const [y, x] = [Math.floor(i / size.width / scale), Math.floor((i % size.width) / scale)];
      sums[y * width + x] += pixels[4 * i];
    }
    ask(Uint8Array.from(sums, (sum) => Math.round(sum / scale ** 2)));
  }

  function replace(values) {
    keep();
    load(values);
    send();
  }

  function strokeTo(x, y, pressed) {
    if (pressed) keep();
    pen.strokeStyle = COLOURS[tools.number];
    pen.lineWidth = scale * [thickness.value, 1, 3 * thickness.value][tools.number];
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...(pressed ? [x + 0.01, y] : last)); // a click makes a dot
    pen.lineTo(x, y);
    pen.stroke();
    last = [x, y];
    send();
  }

  const tools = makeChoice(bar, ["Pen", "Pencil", "Eraser"]);
  tools.choose(0);
  const range = { type: "range", min: 1, max: 8, step: 0.5, value: 1.5, title: "Width, in pixels of the network" };
  const thickness = element("input", bar, { width: "90px" }, range);
  makeButton(bar, "Undo", () => {
    if (undone.length) pen.putImageData(undone.pop(), 0, 0);
    send();
  });
  makeButton(bar, "Clear", () => replace(new Uint8Array(height * width).fill(255)));
  const choice = element("select", bar, {}, { title: "Load a sketch" });
  ["Load a sketch ...", ...sketches.map((_, n) => `Sketch ${n + 1}`)].forEach((textContent, value) =>
    element("option", choice, {}, { value, textContent }));
  choice.addEventListener("change", () => {
    replace(sketches[choice.value - 1].values);
    choice.value = 0;
  });
  const ask = makeAsker(context, ([first], others) => {
    drawPicture(picture, first);
    if (others) load(others);
  });
}
