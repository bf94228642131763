// The latent plane: codes as points; the chosen place is a code.

const COLOURS = "#1f77b4 #ff7f0e #2ca02c #d62728 #9467bd #8c564b #e377c2 #7f7f7f #bcbd22 #17becf".split(" ");

function render(context) {
  const { points, labels, names } = context.model.get("given");
  const codes = new Float32Array(points.buffer.slice(points.byteOffset, points.byteOffset + points.byteLength));
  const [[left, width], [bottom, height]] = [0, 1].map((axis) => {
    const values = codes.filter((_, i) => i % 2 === axis);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const margin = 0.05 * (most - least) + 1e-3;
    return [least - margin, most - least + 2 * margin];
  });

  function drawBehind(pen, toPixel) {
    pen.globalAlpha = 0.6;
    for (let i = 0; i < labels.byteLength; i++) {
      pen.fillStyle = COLOURS[labels.getUint8(i)];
      pen.beginPath();
      pen.arc(...toPixel([codes[2 * i], codes[2 * i + 1]]), 2.2, 0, 2 * Math.PI);
      pen.fill();
    }
    pen.globalAlpha = 1;
  }

  const beside = makeField(context, {
    name: "plane",
    ariaLabel: "Latent plane. Drag the point, or use the arrow keys.",
    side: 380,
    drawBehind,
    describe: (code) => `code (${code.map((value) => value.toFixed(2)).join(", ")})`,
    toShares: ([x, y]) => [(x - left) / width, 1 - (y - bottom) / height],
    toPlace: (across, down) => [left + across * width, bottom + (1 - down) * height],
  });
  const legend = element("div", beside, { font: "12px sans-serif", display: "grid", gridTemplateColumns: "1fr 1fr" });
  names.forEach((textContent, i) =>
    element("div", legend, { borderLeft: `10px solid ${COLOURS[i]}`, padding: "1px 5px" }, { textContent }));
}
