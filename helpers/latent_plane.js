// The latent plane: codes as points at the left, the picture decoded from the chosen place at the right.
// Python sends points, labels and bounds once, then a picture for each place.

const SIDE = 380; // screen pixels of the plane
const STEPS = 50; // an arrow key moves by this part of the plane
const COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"];

function floats(view) {
  return new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

function render({ model, el }) {
  const [left, right, bottom, top] = model.get("bounds");
  const points = floats(model.get("points"));
  const labels = new Uint8Array(model.get("labels").buffer, model.get("labels").byteOffset, points.length / 2);
  const names = model.get("class_names");

  const row = element("div", el, { display: "flex", flexWrap: "wrap", gap: "16px", alignItems: "flex-start" });
  const plane = element("canvas", row, { border: "1px solid #888", cursor: "crosshair", touchAction: "none", background: "white" }, {
    width: SIDE, height: SIDE, tabIndex: 0, className: "latent-plane",
  });
  plane.setAttribute("role", "application");
  plane.setAttribute("aria-label", "Latent plane. Drag the point, or use the arrow keys.");
  const side = element("div", row, {});
  const picture = greyCanvas(side, model.get("picture_shape"), 224, "latent-picture");
  const place = element("div", side, { font: "13px monospace", margin: "6px 0" }, { className: "latent-place" });
  const legend = element("div", side, { font: "12px sans-serif", display: "grid", gridTemplateColumns: "1fr 1fr", gap: "2px 10px" });
  names.forEach((name, i) => element("div", legend, { borderLeft: `10px solid ${COLOURS[i]}`, paddingLeft: "5px" }, { textContent: name }));
  const message = element("pre", el, { color: "#b00" });

  const toScreen = (x, y) => [((x - left) / (right - left)) * SIDE, ((top - y) / (top - bottom)) * SIDE];

  function drawPlane() {
    const pen = plane.getContext("2d");
    pen.clearRect(0, 0, SIDE, SIDE);
    pen.globalAlpha = 0.6;
    for (let i = 0; i < labels.length; i++) {
      const [x, y] = toScreen(points[2 * i], points[2 * i + 1]);
      pen.fillStyle = COLOURS[labels[i]];
      pen.beginPath();
      pen.arc(x, y, 2.2, 0, 2 * Math.PI);
      pen.fill();
    }
    pen.globalAlpha = 1;
    const [x, y] = toScreen(...asker.place);
    pen.lineWidth = 2;
    pen.strokeStyle = "black";
    pen.beginPath();
    pen.arc(x, y, 7, 0, 2 * Math.PI);
    pen.moveTo(x - 11, y);
    pen.lineTo(x + 11, y);
    pen.moveTo(x, y - 11);
    pen.lineTo(x, y + 11);
    pen.stroke();
    place.textContent = `code (${asker.place.map((value) => value.toFixed(2)).join(", ")})`;
  }

  function drawPicture() {
    drawGrey(picture, model.get("picture"));
    message.textContent = model.get("message");
  }

  function moveTo(x, y) {
    asker.moveTo([Math.min(right, Math.max(left, x)), Math.min(top, Math.max(bottom, y))]);
  }

  function follow(event) {
    const box = plane.getBoundingClientRect();
    moveTo(left + ((event.clientX - box.left) / box.width) * (right - left), top - ((event.clientY - box.top) / box.height) * (top - bottom));
  }

  plane.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return; // only the left button, or a finger
    plane.setPointerCapture(event.pointerId);
    follow(event);
  });
  plane.addEventListener("pointermove", (event) => plane.hasPointerCapture(event.pointerId) && follow(event));
  plane.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would go to another cell
    moveTo(asker.place[0] + (move[0] * (right - left)) / STEPS, asker.place[1] + (move[1] * (top - bottom)) / STEPS);
  });

  const asker = pictureAsker(model, el, "point", drawPlane, drawPicture);
  drawPlane();
  drawPicture();
  return asker.stop;
}

export default { render };
