// The latent walk: a line, triangle or square with an end point's picture at each corner, and the mixture's picture beside it.
// Weights are sent, one for each corner; the chosen place is the corners' mean with these weights.

const CORNERS = { // screen pixels
  2: [[90, 60], [310, 60]],
  3: [[200, 85], [85, 285], [315, 285]],
  4: [[85, 85], [315, 85], [85, 315], [315, 315]],
};
const STEP = 10; // screen pixels of an arrow key
const THUMBNAIL = 56; // screen pixels

function weightsAt(x, y, [a, b, c, d]) {
  const cut = (value) => Math.min(1, Math.max(0, value));
  if (!c || d) { // a line, or a square
    const across = cut((x - a[0]) / (b[0] - a[0]));
    const down = c ? cut((y - a[1]) / (c[1] - a[1])) : 0;
    const upper = [(1 - across) * (1 - down), across * (1 - down)];
    return c ? [...upper, (1 - across) * down, across * down] : upper;
  }
  const cross = (p, q, r) => (q[0] - p[0]) * (r[1] - p[1]) - (r[0] - p[0]) * (q[1] - p[1]); // twice the area of a triangle
  const areas = [cross([x, y], b, c), cross(a, [x, y], c), cross(a, b, [x, y])].map((area) => Math.max(0, area / cross(a, b, c)));
  return areas.map((area) => area / (areas[0] + areas[1] + areas[2]));
}

function render({ model, el }) {
  const [height, width] = model.get("picture_shape");
  const corners = CORNERS[model.get("weights").length];
  const names = [..."ABCD"].slice(0, corners.length);
  const middle = [0, 1].map((axis) => corners.reduce((sum, corner) => sum + corner[axis], 0) / corners.length);
  const outline = corners.length === 4 ? [corners[0], corners[1], corners[3], corners[2]] : corners;

  const row = element("div", el, { display: "flex", flexWrap: "wrap", gap: "16px", alignItems: "flex-start" });
  const shape = element("canvas", row, { border: "1px solid #888", cursor: "crosshair", touchAction: "none", background: "white" }, {
    width: 400, height: { 2: 120, 3: 365, 4: 400 }[corners.length], tabIndex: 0, className: "walk-shape",
  });
  shape.setAttribute("role", "application");
  shape.setAttribute("aria-label", "Walk between the pictures at the corners. Drag the point, or use the arrow keys.");
  const side = element("div", row, {});
  const picture = greyCanvas(side, [height, width], 224, "walk-picture");
  const share = element("div", side, { font: "13px monospace", margin: "6px 0", whiteSpace: "pre" }, { className: "walk-place" });
  const message = element("pre", el, { color: "#b00" });
  const ends = corners.map((_, i) => {
    const canvas = greyCanvas(document.createDocumentFragment(), [height, width], THUMBNAIL, "");
    drawGrey(canvas, model.get("ends"), i);
    return canvas;
  });

  const placeOf = (weights) => [0, 1].map((axis) => weights.reduce((sum, weight, i) => sum + weight * corners[i][axis], 0));

  function drawShape() {
    const pen = shape.getContext("2d");
    pen.clearRect(0, 0, shape.width, shape.height);
    pen.imageSmoothingEnabled = false;
    pen.font = "13px sans-serif";
    pen.textAlign = "center";
    pen.fillStyle = pen.strokeStyle = "#444";
    pen.lineWidth = 1;
    pen.beginPath();
    outline.forEach((corner) => pen.lineTo(...corner));
    pen.closePath();
    pen.stroke();
    corners.forEach((corner, i) => { // the picture of a corner stands outside of the shape
      const away = Math.hypot(corner[0] - middle[0], corner[1] - middle[1]);
      const [x, y] = [0, 1].map((axis) => corner[axis] + ((corner[axis] - middle[axis]) * 50) / away);
      pen.drawImage(ends[i], x - THUMBNAIL / 2, y - THUMBNAIL / 2, THUMBNAIL, (THUMBNAIL * height) / width);
      pen.fillText(names[i], x, y + THUMBNAIL / 2 + 14);
    });
    pen.lineWidth = 2;
    pen.strokeStyle = "#d62728";
    pen.beginPath();
    pen.arc(...placeOf(asker.place), 7, 0, 2 * Math.PI);
    pen.stroke();
    share.textContent = asker.place.map((weight, i) => `${names[i]} ${Math.round(100 * weight)} %`).join("  ");
  }

  function drawPicture() {
    drawGrey(picture, model.get("picture"));
    message.textContent = model.get("message");
  }

  function moveTo(x, y) {
    asker.moveTo(weightsAt(x, y, corners));
  }

  function follow(event) {
    const box = shape.getBoundingClientRect();
    moveTo(((event.clientX - box.left) / box.width) * shape.width, ((event.clientY - box.top) / box.height) * shape.height);
  }

  shape.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return; // only the left button, or a finger
    shape.setPointerCapture(event.pointerId);
    follow(event);
  });
  shape.addEventListener("pointermove", (event) => shape.hasPointerCapture(event.pointerId) && follow(event));
  shape.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would go to another cell
    const [x, y] = placeOf(asker.place);
    moveTo(x + STEP * move[0], y + STEP * move[1]);
  });

  const asker = pictureAsker(model, el, "weights", drawShape, drawPicture);
  drawShape();
  drawPicture();
  return asker.stop;
}

export default { render };
