// The easel: a content, a style and a strength; the picture grows while Python paints, until the button is pressed again.

function render(context) {
  const { contents, styles, strengths } = context.model.get("given");
  const bar = element("div", context.el, BAR);
  const picture = element("canvas", context.el, { ...PICTURE, width: "384px" }, { className: "easel-picture" });
  const text = element("div", context.el, { font: "13px monospace" }, { className: "easel-text" });
  const [content, style] = [
    ["Content", contents],
    ["Style", styles],
  ].map(([title, names]) => {
    const select = element("select", bar, {}, { title });
    names.forEach((textContent, value) => element("option", select, {}, { value, textContent }));
    return select;
  });
  element("span", bar, {}, { textContent: "gentle" });
  const range = { type: "range", min: 0, max: strengths - 1, step: 0.25, title: "Strength of the style" };
  const strength = element("input", bar, { width: "120px" }, range);
  element("span", bar, {}, { textContent: "wild" });
  let painting = false;

  function paint(wanted) {
    painting = wanted;
    button.textContent = painting ? "Stop" : "Paint";
    if (painting) send();
  }

  function set(place) {
    [content.value, style.value, strength.value] = place;
  }

  const send = () => ask([Number(content.value), Number(style.value), Number(strength.value)]);
  const button = makeButton(bar, "Paint", () => paint(!painting));
  set(context.model.get("place")[0]);
  const ask = makeAsker(context, ([first, said], others) => {
    drawPicture(picture, first);
    text.textContent = said;
    if (others) set(others);
    if (context.model.get("answer").message) paint(false); // an error: it would come again and again
    else if (painting) send();
  });
}
