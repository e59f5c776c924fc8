import { host } from '../process/ports.ts';
import { properties } from './properties.ts';

/** One node that is broker and controller, tuned to start and to recover quickly. */
export function kafkaProperties({
  port,
  controllerPort,
  storage,
}: {
  port: number;
  controllerPort: number;
  storage: string;
}): string {
  return properties({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${host}:${controllerPort}`,
    listeners: `PLAINTEXT://${host}:${port},CONTROLLER://${host}:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://${host}:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': storage,
    'num.partitions': 3,
    // One node: no replicas, and few partitions for what Kafka keeps for itself.
    'offsets.topic.num.partitions': 1,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // Groups form at once, and notice within seconds that a member has been killed.
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    // After a SIGKILL the broker is let in again soon.
    'broker.heartbeat.interval.ms': 500,
    'broker.session.timeout.ms': 3000,
  });
}
