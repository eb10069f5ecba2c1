// A link to a case opens it; the page of hazards filters.
(() => {
  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const holder = target?.closest("details");
    if (holder) {
      holder.open = true;
      holder.scrollIntoView();
    }
  };
  addEventListener("hashchange", open);
  open();
  const words = document.getElementById("hazard-words"), dialect = document.getElementById("hazard-dialect");
  if (!words) return;
  const all = [...document.querySelectorAll(".trophy")];
  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const one of all) {
      const text = one.textContent.toLowerCase();
      const carried = !dialect.value || one.dataset.carriers.split(" ").includes(dialect.value);
      one.hidden = !(carried && wanted.every((word) => text.includes(word)));
      if (!one.hidden) count += 1;
    }
    document.getElementById("hazard-count").textContent = `${count} hazards`;
  };
  for (const input of [words, dialect]) input.addEventListener("input", filter);
})();
