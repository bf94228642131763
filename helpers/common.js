// What the scripts of the widgets share. Python puts this text before each of them, because a widget's script is one text.

function element(kind, parent, style, properties = {}) {
  const made = Object.assign(document.createElement(kind), properties);
  Object.assign(made.style, style);
  parent.appendChild(made);
  return made;
}

function greyCanvas(parent, [height, width], side, className) {
  const style = { width: `${side}px`, height: `${(side * height) / width}px`, imageRendering: "pixelated" };
  return element("canvas", parent, style, { width, height, className });
}

// Draw picture number `index` of `bytes`, pictures of the canvas's size as uint8.
function drawGrey(canvas, bytes, index = 0) {
  const size = canvas.width * canvas.height;
  const pixels = new Uint8ClampedArray(4 * size);
  new Uint8Array(bytes.buffer, bytes.byteOffset + index * size, size).forEach((grey, i) => pixels.set([grey, grey, grey, 255], 4 * i));
  canvas.getContext("2d").putImageData(new ImageData(pixels, canvas.width, canvas.height), 0, 0);
}

// Ask Python for the picture of a place, an array of numbers that is the model's `trait`. A new place is sent only when the answer
// to the last one is there, so that a fast hand never fills the kernel's queue.
function pictureAsker(model, el, trait, drawPlace, drawPicture) {
  const asker = { place: model.get(trait), moveTo, stop };
  let since = null; // when the place was sent whose picture is on its way

  function send() {
    if (since !== null || String(asker.place) === String(model.get(trait))) return; // a place sent twice would get no second answer
    since = performance.now();
    model.set(trait, asker.place);
    model.save_changes();
  }

  function moveTo(place) {
    asker.place = place;
    drawPlace();
    send();
  }

  function answer() {
    if (since !== null) el.dataset.milliseconds = (performance.now() - since).toFixed(1); // for the browser test
    since = null;
    drawPicture();
    send();
  }

  function moved() { // by Python, or in another view of this widget
    if (since !== null) return;
    asker.place = model.get(trait);
    drawPlace();
  }

  function stop() {
    model.off("change:answers", answer);
    model.off(`change:${trait}`, moved);
  }

  model.on("change:answers", answer);
  model.on(`change:${trait}`, moved);
  return asker;
}
