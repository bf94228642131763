// The class chooser: a button for each class, one for another sample, and Python's picture.

function render(context) {
  const bar = element("div", context.el, BAR, { className: "chooser-names" });
  const picture = element("img", context.el, { maxWidth: "100%", display: "block" }, { className: "chooser-picture" });
  const classes = makeChoice(bar, context.model.get("given").names, () => ask(classes.number));
  makeButton(bar, "Draw again", () => ask(classes.number));
  const ask = makeAsker(context, (png, others) => {
    URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(new Blob([png], { type: "image/png" }));
    if (others !== undefined) classes.choose(others);
  });
}
