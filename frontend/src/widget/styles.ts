/** Rules for a shadow root that a strict Content-Security-Policy lets through: constructed sheets are no inline styles. */

/** Returns how to replace the rules. `nonce` counts only in browsers without constructed sheets. */
export function addStyle(shadow: ShadowRoot, css: string, nonce: string): (css: string) => void {
  if ("adoptedStyleSheets" in shadow && "replaceSync" in CSSStyleSheet.prototype) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    shadow.adoptedStyleSheets = [...shadow.adoptedStyleSheets, sheet];
    return (changed) => sheet.replaceSync(changed);
  }
  const style = document.createElement("style");
  style.nonce = nonce;
  style.textContent = css;
  shadow.append(style);
  return (changed) => {
    style.textContent = changed;
  };
}
