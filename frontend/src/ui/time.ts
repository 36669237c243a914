/** Times as people read them, by `Intl`. */

/** Making a formatter costs far more than using it; a list formats hundreds of times in one language. */
const made = new Map<string, Intl.DateTimeFormat>();

function formatter(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale + JSON.stringify(options);
  let found = made.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(locale, options);
    made.set(key, found);
  }
  return found;
}

/** Whole days from `a` to `b` by the local calendar, whatever summer time did in between. */
export function daysBetween(a: Date, b: Date): number {
  const day = (date: Date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((day(b) - day(a)) / 86_400_000);
}

export function sameDay(a: Date, b: Date): boolean {
  return daysBetween(a, b) === 0;
}

/** "14:05" */
export function timeOfDay(date: Date, locale: string): string {
  return formatter(locale, { hour: "2-digit", minute: "2-digit" }).format(date);
}

/** Date and time in full, for titles. */
export function fullTime(date: Date, locale: string): string {
  return formatter(locale, { dateStyle: "full", timeStyle: "short" }).format(date);
}

/** What stands above the messages of one day: "Today", "Yesterday", "Tuesday, 3 March", with the year if it is another. */
export function dayLabel(date: Date, now: Date, locale: string): string {
  const days = daysBetween(date, now);
  if (days === 0 || days === 1) {
    const word = new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-days, "day");
    return word.charAt(0).toLocaleUpperCase(locale) + word.slice(1);
  }
  const year = date.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return formatter(locale, { weekday: "long", day: "numeric", month: "long", year }).format(date);
}

/** When something last happened, in few letters: the time today, the weekday within a week, else the date. */
export function shortWhen(date: Date, now: Date, locale: string): string {
  const days = daysBetween(date, now);
  if (days <= 0) return timeOfDay(date, locale);
  if (days < 7) return formatter(locale, { weekday: "short" }).format(date);
  const year = date.getFullYear() === now.getFullYear() ? undefined : "2-digit";
  return formatter(locale, { day: "numeric", month: "short", year }).format(date);
}
