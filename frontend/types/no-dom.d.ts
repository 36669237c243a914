// All that the SDK may take for granted beyond the language; browsers, React Native and Node agree on it.
declare class URL {
  constructor(url: string, base?: string);
  readonly href: string;
}
