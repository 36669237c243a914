/**
 * Gives rules to a shadow root in a way that a strict Content-Security-Policy lets through: constructed sheets are no inline
 * styles. `nonce` counts only in browsers that have none.
 */
export function addStyle(shadow: ShadowRoot, css: string, nonce: string): void {
  if ("adoptedStyleSheets" in shadow && "replaceSync" in CSSStyleSheet.prototype) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    shadow.adoptedStyleSheets = [...shadow.adoptedStyleSheets, sheet];
    return;
  }
  const style = document.createElement("style");
  style.nonce = nonce;
  style.textContent = css;
  shadow.append(style);
}
