/** The widget itself, which the loader imports when the host's page is idle. */
import { render } from "preact";

export function mount(host: HTMLElement): void {
  render(<slot />, host.attachShadow({ mode: "open" }));
}
