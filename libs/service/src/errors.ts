/**
 * Everything that Caregate refuses, as one tree. The HTTP edge answers with `status`, `headers` and `{"message"}`;
 * so a message says what happened, to what and what to do next, and holds nothing that identifies a person.
 */
export class CaregateError extends Error {
  readonly status: number = 500;
  readonly headers: Readonly<Record<string, string>> = {};

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

export class BadRequest extends CaregateError {
  override readonly status = 400;
}

export class Unauthorized extends CaregateError {
  override readonly status = 401;
}

/** The headers of the request are too many. */
export class HeadersTooLarge extends CaregateError {
  override readonly status = 431;
}

/** The clinic's limit of patients is reached (behaviour, "Clinics"). */
export class PaymentRequired extends CaregateError {
  override readonly status = 402;
}

export class Forbidden extends CaregateError {
  override readonly status = 403;

  constructor(message = 'security requirements failed: the subject is not authorized for the requested action') {
    super(message);
  }
}

export class NotFound extends CaregateError {
  override readonly status = 404;

  constructor(message = 'not found') {
    super(message);
  }
}

export class Conflict extends CaregateError {
  override readonly status = 409;

  constructor(message = 'duplicate') {
    super(message);
  }
}

export class PayloadTooLarge extends CaregateError {
  override readonly status = 413;
}

export class UnsupportedMediaType extends CaregateError {
  override readonly status = 415;
}

/** The request reached a shard that does not serve the host it asks for. */
export class Misdirected extends CaregateError {
  override readonly status = 421;
}

/** A rule of the domain forbids it, such as the removal of a clinic's last admin. */
export class Unprocessable extends CaregateError {
  override readonly status = 422;
}

export class TooManyRequests extends CaregateError {
  override readonly status = 429;
  override readonly headers: Readonly<Record<string, string>>;

  constructor(message: string, retryAfterSeconds: number) {
    super(message);
    this.headers = { 'retry-after': String(Math.ceil(retryAfterSeconds)) };
  }
}

/** Something that the app depends on is away, or the app cannot take the request just now. */
export class ServiceUnavailable extends CaregateError {
  override readonly status = 503;
  override readonly headers: Readonly<Record<string, string>>;

  constructor(message: string, retryAfterSeconds = 1, options?: ErrorOptions) {
    super(message, options);
    this.headers = { 'retry-after': String(Math.ceil(retryAfterSeconds)) };
  }
}
