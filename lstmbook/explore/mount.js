// Brings the explorables of a static page to life: a classic script, so that it also works on
// file://. Before it stands the text of their module as `explorableRuntime` (see sphinx.py);
// their answers are in the widget state that MyST-NB embeds in the page.
(() => {
  "use strict";
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';

  /** The least of a widget's model that a module needs; there is no kernel to talk to. */
  function modelOf(state) {
    const nothing = () => {};
    return {
      fixed: true,
      get: (name) => state[name],
      set: (name, value) => (state[name] = value),
      save_changes: nothing,
      send: nothing,
      on: nothing,
      off: nothing,
    };
  }

  async function mount() {
    const figures = [...document.querySelectorAll(".xp-figure")];
    if (!figures.length || !window.explorableRuntime) return;
    const states = Object.assign(
      {},
      ...[...document.querySelectorAll(STATE)].map((script) => JSON.parse(script.textContent).state),
    );
    const url = URL.createObjectURL(
      new Blob([window.explorableRuntime], { type: "text/javascript" }),
    );
    const module = await import(url);
    URL.revokeObjectURL(url);
    for (const figure of figures) {
      const { modelId, picture } = figure.dataset;
      const model = states[modelId];
      // The new content is made aside and takes the static picture's place when it is drawn, so
      // that a failure leaves the static picture where it was.
      try {
        if (model?.state.baked) {
          await module.default.render({ model: modelOf(model.state), el: figure });
        } else if (picture) {
          await module.still(figure, picture);
        }
      } catch (problem) {
        console.error("explorable:", problem);
      }
    }
    document.documentElement.dataset.explorables = "mounted";
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount);
  else mount();
})();
