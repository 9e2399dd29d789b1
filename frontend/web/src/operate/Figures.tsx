/** Figures beside their names. */
export function Figures({
  of,
}: {
  of: readonly (readonly [name: string, value: string | number])[];
}) {
  return (
    <dl className="figures">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
