import type { Certificates } from '../certificates.ts';
import { host } from '../process/ports.ts';
import { properties } from './properties.ts';

/** Where Kafka speaks TLS and asks for a user and password (SASL), beside its plain port. */
export interface SecureListener {
  readonly port: number;
  readonly certificates: Certificates;
  readonly user: KafkaUser;
}

/** Letters and digits only. */
export interface KafkaUser {
  readonly name: string;
  readonly password: string;
}

/** One node that is broker and controller, tuned to start and to recover quickly. */
export function kafkaProperties({
  port,
  controllerPort,
  storage,
  secure,
}: {
  port: number;
  controllerPort: number;
  storage: string;
  secure?: SecureListener | undefined;
}): string {
  return properties({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${host}:${controllerPort}`,
    listeners: `PLAINTEXT://${host}:${port},CONTROLLER://${host}:${controllerPort}${secure ? `,SECURE://${host}:${secure.port}` : ''}`,
    'advertised.listeners': `PLAINTEXT://${host}:${port}${secure ? `,SECURE://${host}:${secure.port}` : ''}`,
    ...(secure && secureProperties(secure)),
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

const LOGIN = 'org.apache.kafka.common.security';

function secureProperties({ certificates, user }: SecureListener): Record<string, string> {
  const listener = 'listener.name.secure';
  const scram = `${LOGIN}.scram.ScramLoginModule required;`;
  return {
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL',
    [`${listener}.ssl.keystore.type`]: 'PEM',
    [`${listener}.ssl.keystore.location`]: certificates.serverFile,
    [`${listener}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    [`${listener}.plain.sasl.jaas.config`]: `${LOGIN}.plain.PlainLoginModule required user_${user.name}="${user.password}";`,
    // Whom these know stands in the storage.
    [`${listener}.scram-sha-256.sasl.jaas.config`]: scram,
    [`${listener}.scram-sha-512.sasl.jaas.config`]: scram,
  };
}
