import { ForeignOwner, type ShardOwner } from '@caregate/service/ownership';
import type { ConnectorDefinition } from './definition.ts';

/** A setting of ours that Connect ignores and keeps: `<shard id>/<installation id>`. */
const OWNER_SETTING = 'caregate.owner';

/** The same connector with the name of its owner, so that two shards of one prefix do not overwrite each other's. */
export function ownedBy({ shardId, installationId }: ShardOwner, definition: ConnectorDefinition): ConnectorDefinition {
  return { ...definition, config: { ...definition.config, [OWNER_SETTING]: `${shardId}/${installationId}` } };
}

/**
 * Connectors that have no owner yet may be taken over.
 * @throws {ForeignOwner} when one of these connectors belongs to another shard, or to another database of the same shard
 */
export function assertOwn(
  owner: ShardOwner,
  prefix: string,
  connectors: readonly { readonly name: string; readonly config: Readonly<Record<string, string | null>> }[],
): void {
  for (const { name, config } of connectors) {
    const found = ownerOfConnector(config);
    if (!name.startsWith(`${prefix}.`) || !found || found.installationId === owner.installationId) continue;
    throw new ForeignOwner(
      `the connector ${name} on this Kafka Connect belongs to another database, of shard ${found.shardId}: change CONNECT_URL or TOPIC_PREFIX, ` +
        `or remove the connectors ${prefix}.* if their owner is gone for good`,
    );
  }
}

/** Whose a connector is; undefined for one that has no owner yet. */
export function ownerOfConnector(config: Readonly<Record<string, string | null>>): ShardOwner | undefined {
  const [shardId, installationId] = config[OWNER_SETTING]?.split('/') ?? [];
  return shardId === undefined || installationId === undefined ? undefined : { shardId, installationId };
}
