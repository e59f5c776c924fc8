import type { Java } from '../install/java.ts';

/** What is needed to run Kafka and Kafka Connect. */
export interface KafkaInstallation {
  folder: string;
  java: Java;
  /** Flags that make the two start quicker. */
  flags: { kafka: string[]; connect: string[] };
}
