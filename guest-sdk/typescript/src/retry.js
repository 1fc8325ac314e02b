/** Milliseconds of a duration: a number of them, or an object that names its parts. */
export function millis(duration) {
  if (typeof duration === "number") return duration;
  const { days = 0, hours = 0, minutes = 0, seconds = 0, milliseconds = 0 } = duration;
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + milliseconds;
}

/** A retry policy as the platform takes it. */
export function policy(retry) {
  if (!retry) return null;
  const optional = (value) => (value === undefined ? null : millis(value));
  return {
    maxAttempts: retry.maxAttempts,
    firstIntervalMs: millis(retry.firstInterval),
    coefficient: retry.coefficient ?? 1,
    maxIntervalMs: optional(retry.maxInterval),
    totalTimeoutMs: optional(retry.totalTimeout),
    nonRetryableKinds: retry.nonRetryable ?? [],
  };
}
