/** Injection token of the app's Kafka client. */
export const KAFKA = Symbol('KAFKA');
