// Dark or light: as the system says, unless the reader says otherwise.  Remembered in this browser.

const KEY = "cpu-monitor-theme";
const CHOICES = ["auto", "dark", "light"];

/** `button` goes through the choices; `on_change` is called when the colours may have changed. */
export function start_theme(button, on_change) {
  let choice = remembered();
  const show = () => {
    if (choice === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    button.textContent = `Theme: ${choice}`;
    on_change();
  };
  button.addEventListener("click", () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    remember(choice);
    show();
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", on_change);
  show();
}

function remembered() {
  try {
    const choice = localStorage.getItem(KEY);
    return CHOICES.includes(choice) ? choice : "auto";
  } catch {
    return "auto"; // a browser that keeps nothing
  }
}

function remember(choice) {
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // then it is as the system says next time
  }
}
