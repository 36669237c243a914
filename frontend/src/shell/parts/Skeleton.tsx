/** In the place of a list that has not come yet. */
export function Skeleton({ label }: { label: string }) {
  return (
    <div class="skeleton" role="status">
      <span class="cs-hidden">{label}</span>
      {[0, 1, 2, 3].map((row) => (
        <span key={row} class="skeleton-row" />
      ))}
    </div>
  );
}
