import { eventually } from '@caregate/eventually';
import type { Admin } from 'kafkajs';

/**
 * Makes a topic, perhaps while one of the same name is still being deleted, and waits until all its partitions have leaders.
 * kafkajs's own wait for leaders can fail when the topic is made; whoever tries again then finds it there, and not made.
 */
export async function madeTopic(admin: Admin, topic: string, numPartitions: number): Promise<void> {
  const make = () => admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: false });
  await eventually(() => make().catch(() => false), 'the topic is made');
  await eventually(async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => ({ topics: [] }));
    const leaders = topics.flatMap(({ partitions }) => partitions.filter(({ leader }) => leader >= 0));
    return leaders.length === numPartitions;
  }, 'all partitions of the topic have leaders');
}
