/** How far something is, from 0 to 1; null: underway, nobody knows how far. */
export function Meter({ value, label }: { value: number | null; label: string }) {
  return (
    <progress class="meter" aria-label={label} {...(value === null ? {} : { value, max: 1 })}>
      {label}
    </progress>
  );
}
