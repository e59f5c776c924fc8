import kafkajs from 'kafkajs';

/** Kafka's own choice of partition (murmur2 of the key), which the connectors use too. */
const partitioner = kafkajs.Partitioners.DefaultPartitioner();

/** Ids whose events go to the partitions 0, 1, 2, … of a topic, one each. */
export function canaryIds(topic: string, partitions: number): string[] {
  const ids = new Array<string>(partitions).fill('');
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
    partitionId,
    leader: 0,
    partitionErrorCode: 0,
    replicas: [],
    isr: [],
  }));
  for (let n = 0; ids.includes(''); n++) {
    const id = `${topic}-${n}`;
    const partition = partitioner({ topic, partitionMetadata, message: { key: id, value: null } });
    ids[partition] ||= id;
  }
  return ids;
}
