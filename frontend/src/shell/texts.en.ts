/** What our own pages have in common, in English; texts.zh.ts has the same keys. */
export const en = {
  // Signing in
  signIn: "Sign in",
  username: "User name",
  password: "Password",
  signingIn: "Signing in…",
  wrongPassword: "That name and password do not fit together. Check both and try again.",
  signOut: "Sign out",
  signedOut: "You have been signed out. Sign in again to go on.",
  signInAgain: "Sign in again",

  // Controls
  loading: "Loading…",
  retry: "Try again",
  close: "Close",
  cancel: "Cancel",
  save: "Save",
  delete: "Delete",
  clearSearch: "Clear the search",

  // This browser
  account: "Account and settings",
  theme: "Appearance",
  themeSystem: "As the system",
  themeLight: "Light",
  themeDark: "Dark",
  language: "Language",

  // People
  people: "People",
  searchPeople: "Search people by name",
  nobodyFound: "Nobody by that name was found.",
  chosen: "Chosen",
  removeChosen: "Remove {name}",

  // Errors, by the code of the wire
  error: "Something went wrong.",
  errorOffline: "The server cannot be reached. Check the connection and try again.",
  errorUnauthenticated: "You are signed out.",
  errorForbidden: "You may not do this.",
  errorNotFound: "It is no longer there.",
  errorConflict: "This does not fit what has happened meanwhile.",
  errorInvalid: "The server does not accept this.",
  errorTooLarge: "This is too large.",
  errorRateLimited: {
    one: "Too much at once. Try again in {count} second.",
    other: "Too much at once. Try again in {count} seconds.",
  },
  errorUnavailable: "The server is busy. Try again in a moment.",
} as const;
