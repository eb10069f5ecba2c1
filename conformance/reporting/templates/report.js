(() => {
  const find = (id) => document.getElementById(id);
  const search = find("search"), status = find("status"), chapter = find("chapter"), shown = find("shown");
  const chapters = [...document.querySelectorAll(".chapter")].map((element) => ({
    element,
    open: element.open,
    requirements: [...element.querySelectorAll(".requirement")].map((requirement) => {
      const heading = requirement.querySelector("h4");
      const about = heading ? `${heading.textContent} ${heading.nextElementSibling.textContent}`.toLowerCase() : "";
      const cases = [...requirement.querySelectorAll(".case")];
      return { element: requirement, about, cases };
    }),
  }));
  const total = document.querySelectorAll(".case").length;
  const wanted = (element, about, words) => {
    if (status.value === "red" && !("red" in element.dataset)) return false;
    if (status.value && status.value !== "red" && element.dataset.status !== status.value) return false;
    if (!words.length) return true;
    const said = `${element.id} ${about} ${element.querySelector(".why")?.textContent ?? ""}`.toLowerCase();
    return words.every((word) => said.includes(word));
  };
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const filtering = words.length > 0 || status.value !== "";
    let count = 0;
    for (const one of chapters) {
      let inside = 0;
      const here = !chapter.value || one.element.dataset.chapter === chapter.value;
      for (const requirement of one.requirements) {
        let found = 0;
        for (const element of requirement.cases) {
          element.hidden = !(here && wanted(element, requirement.about, words));
          if (!element.hidden) found += 1;
        }
        requirement.element.hidden = found === 0;
        inside += found;
      }
      one.element.hidden = inside === 0;
      one.element.open = filtering || chapter.value !== "" ? inside > 0 : one.open;
      count += inside;
    }
    shown.textContent = `${count} of ${total} cases`;
  };
  for (const input of [search, status, chapter]) input.addEventListener("input", filter);
  search.form.addEventListener("submit", (event) => event.preventDefault());
  const reveal = () => {
    const target = find(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let each = target; each; each = each.parentElement) {
      each.hidden = false;
      if (each.tagName === "DETAILS") each.open = true;
    }
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
  const copied = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    await copied(button.previousElementSibling.textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
})();
