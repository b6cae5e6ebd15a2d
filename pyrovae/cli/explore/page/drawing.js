// A pad to draw on, and files that are dropped or opened; what is there is encoded.
export function drawingPad({ pad, clear, file, invert, colour, shape, send }) {
  const context = pad.getContext("2d"), [height, width] = shape.slice(-2);
  pad.height = Math.round(pad.width * height / width);
  // A line of about one pixel of the data, as a pen on paper has of a digit.
  const stroke = Math.max(pad.width / width * 1.25, 8);
  let last = null, dropped = null, timer = 0;

  const submit = () => pad.toBlob((blob) => blob && send(blob, false), "image/png");
  const soon = () => { clearTimeout(timer); timer = setTimeout(submit, 60); };
  const wipe = () => { dropped = null; context.fillStyle = "#000"; context.fillRect(0, 0, pad.width, pad.height); };
  const at = (event) => {
    const box = pad.getBoundingClientRect();
    return [(event.clientX - box.left) * pad.width / box.width, (event.clientY - box.top) * pad.height / box.height];
  };
  const line = (to) => {
    context.strokeStyle = colour.value;
    context.lineWidth = stroke;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(to[0], to[1] + 0.01);
    context.stroke();
    last = to;
    soon();
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    dropped = null;
    last = at(event);
    line(last);
  });
  pad.addEventListener("pointermove", (event) => { if (last) line(at(event)); });
  for (const kind of ["pointerup", "pointercancel"]) pad.addEventListener(kind, () => { last = null; });

  const open = async (chosen) => {
    if (!chosen) return;
    dropped = chosen;
    try {
      const image = await createImageBitmap(chosen);
      const scale = Math.max(pad.width / image.width, pad.height / image.height);
      const [w, h] = [image.width * scale, image.height * scale];
      context.filter = invert.checked ? "invert(1)" : "none";
      context.drawImage(image, (pad.width - w) / 2, (pad.height - h) / 2, w, h);
      context.filter = "none";
    } catch { wipe(); dropped = chosen; }  // the server says what is wrong with it
    send(chosen, invert.checked);
  };
  for (const kind of ["dragenter", "dragover"]) pad.addEventListener(kind, (event) => { event.preventDefault(); pad.classList.add("over"); });
  pad.addEventListener("dragleave", () => pad.classList.remove("over"));
  pad.addEventListener("drop", (event) => {
    event.preventDefault();
    pad.classList.remove("over");
    open(event.dataTransfer.files[0]);
  });
  file.addEventListener("change", () => { open(file.files[0]); file.value = ""; });
  invert.addEventListener("change", () => { if (dropped) open(dropped); });
  clear.addEventListener("click", wipe);
  wipe();
}
