// The latent walk: a line or a square with a picture at each corner; the chosen place is the corners' weights.

const CORNERS = [[0, 0], [1, 0], [0, 1], [1, 1]];
const TILE = 56; // pixels of a corner's picture

function render(context) {
  const { ends } = context.model.get("given");
  const tile = document.createElement("canvas");

  function toPlace(across, down) {
    if (ends.length === 2) return [1 - across, across];
    return [(1 - across) * (1 - down), across * (1 - down), (1 - across) * down, across * down];
  }

  function drawBehind(pen, toPixel) {
    const places = ends.map((_, i) => toPixel(ends.map((_, other) => Number(i === other))));
    const middle = toPixel(ends.map(() => 1 / ends.length));
    Object.assign(pen, { imageSmoothingEnabled: false, font: "13px sans-serif", textAlign: "center", lineWidth: 1 });
    pen.fillStyle = pen.strokeStyle = "#444";
    pen.beginPath();
    [0, 1, 3, 2].forEach((i) => places[i] && pen.lineTo(...places[i]));
    pen.closePath();
    pen.stroke();
    ends.forEach((end, i) => { // outside of the shape
      const away = places[i].map((value, axis) => value - middle[axis]);
      const [x, y] = away.map((value, axis) => places[i][axis] + (50 * value) / Math.hypot(...away));
      drawPicture(tile, end);
      pen.drawImage(tile, x - TILE / 2, y - TILE / 2, TILE, (TILE * tile.height) / tile.width);
      pen.fillText("ABCD"[i], x, y + TILE / 2 + 14);
    });
  }

  makeField(context, {
    name: "walk",
    ariaLabel: "Walk between the pictures at the corners. Drag the point, or use the arrow keys.",
    side: 230,
    edge: 85,
    flat: ends.length === 2,
    drawBehind,
    describe: (weights) => weights.map((weight, i) => `${"ABCD"[i]} ${Math.round(100 * weight)} %`).join("  "),
    toShares: (weights) => [0, 1].map((axis) => weights.reduce((sum, weight, i) => sum + weight * CORNERS[i][axis], 0)),
    toPlace,
  });
}
