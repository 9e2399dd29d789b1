/** The time of day, HH:MM:SS in the reader's zone, of milliseconds since 1970. */
export const clock = (ms: number): string => {
  const date = new Date(ms);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
};
