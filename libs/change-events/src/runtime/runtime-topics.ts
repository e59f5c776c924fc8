import type { Admin, ITopicConfig } from 'kafkajs';

const DAY_MS = 86_400_000;

/** The topics that the runtime keeps for itself. */
export interface RuntimeTopics {
  readonly retry: string;
  readonly deadLetters: string;
}

export const runtimeTopics = (prefix: string): RuntimeTopics => ({
  retry: `${prefix}.retry`,
  deadLetters: `${prefix}.dead-letters`,
});

/** How many partitions the retry topic has. A lane keeps to one of them, so the number must not change while something waits. */
const RETRY_PARTITIONS = 6;

/**
 * Creates the runtime's topics where they are missing. What waits for a retry waits a day at most, so a week is ample.
 * Dead letters are keyed by their id and compacted, so that one that was dropped or replayed vanishes; they are kept for 30 days.
 */
export async function createRuntimeTopics(admin: Admin, { retry, deadLetters }: RuntimeTopics): Promise<void> {
  const topics: ITopicConfig[] = [
    {
      topic: retry,
      numPartitions: RETRY_PARTITIONS,
      configEntries: [{ name: 'retention.ms', value: String(7 * DAY_MS) }],
    },
    {
      topic: deadLetters,
      numPartitions: 1,
      configEntries: [
        { name: 'cleanup.policy', value: 'compact,delete' },
        { name: 'retention.ms', value: String(30 * DAY_MS) },
      ],
    },
  ];
  const existing = new Set(await admin.listTopics());
  const missing = topics.filter(({ topic }) => !existing.has(topic));
  if (missing.length > 0) await admin.createTopics({ topics: missing, waitForLeaders: true });
}
