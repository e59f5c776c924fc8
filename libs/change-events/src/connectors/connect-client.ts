import { z } from 'zod';
import type { ConnectorDefinition } from './definition.ts';

/** Kafka Connect does not answer, or not yet (a rebalance is going on): trying again later is the remedy. */
export class ConnectUnavailable extends Error {
  override readonly name = 'ConnectUnavailable';
}

/** Kafka Connect refuses what was asked: trying the same again is of no use. */
export class ConnectRejected extends Error {
  override readonly name = 'ConnectRejected';

  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const taskState = z.object({ id: z.number(), state: z.string(), trace: z.string().optional() });
const infos = z.record(
  z.string(),
  z.object({ info: z.object({ config: z.record(z.string(), z.string().nullable()) }) }),
);
const statuses = z.record(
  z.string(),
  z.object({
    status: z.object({
      connector: z.object({ state: z.string(), trace: z.string().optional() }),
      tasks: z.array(taskState),
    }),
  }),
);
const offsets = z.object({ offsets: z.array(z.object({ partition: z.unknown(), offset: z.unknown() })) });

/** A connector as Kafka Connect has it. */
export interface ConnectorState {
  readonly name: string;
  readonly config: Readonly<Record<string, string | null>>;
  readonly state: string;
  readonly trace?: string;
  readonly tasks: readonly { readonly id: number; readonly state: string; readonly trace?: string }[];
}

const TIMEOUT_MS = 10_000;

/**
 * Kafka Connect's REST interface, as far as connectors need to be kept.
 * Every method throws {@link ConnectUnavailable} or {@link ConnectRejected}; their messages hold no addresses, which may hold passwords.
 */
export class ConnectClient {
  private readonly base: string;
  private readonly timeoutMs: number;

  /** @param url such as `http://127.0.0.1:8083` */
  constructor(url: string, timeoutMs = TIMEOUT_MS) {
    this.timeoutMs = timeoutMs;
    this.base = url.replace(/\/+$/, '');
  }

  async connectors(): Promise<ConnectorState[]> {
    // Asked for both at once, Connect leaves out connectors that have no status yet.
    const [configured, running] = await Promise.all([
      this.call('GET', '/connectors?expand=info'),
      this.call('GET', '/connectors?expand=status'),
    ]);
    const states = statuses.parse(running);
    return Object.entries(infos.parse(configured)).map(([name, { info }]) => {
      const status = states[name]?.status ?? { connector: { state: 'UNASSIGNED', trace: undefined }, tasks: [] };
      return {
        name,
        config: info.config,
        ...stateOf(status.connector),
        tasks: status.tasks.map((task) => ({ id: task.id, ...stateOf(task) })),
      };
    });
  }

  /** Creates the connector or gives it this configuration. */
  async put({ name, config }: ConnectorDefinition): Promise<void> {
    await this.call('PUT', `/connectors/${encodeURIComponent(name)}/config`, config);
  }

  async remove(name: string): Promise<void> {
    await this.ignoringAbsence(this.call('DELETE', `/connectors/${encodeURIComponent(name)}`));
  }

  /** Restarts the connector and its tasks, as far as they have failed. */
  async restartFailed(name: string): Promise<void> {
    await this.call('POST', `/connectors/${encodeURIComponent(name)}/restart?includeTasks=true&onlyFailed=true`);
  }

  /** Ends the connector's tasks; its configuration and offsets stay. */
  async stop(name: string): Promise<void> {
    await this.call('PUT', `/connectors/${encodeURIComponent(name)}/stop`);
  }

  async resume(name: string): Promise<void> {
    await this.call('PUT', `/connectors/${encodeURIComponent(name)}/resume`);
  }

  /** How far the connector has come, in its own terms. */
  async offsets(name: string): Promise<readonly { readonly partition: unknown; readonly offset: unknown }[]> {
    return offsets.parse(await this.call('GET', `/connectors/${encodeURIComponent(name)}/offsets`)).offsets;
  }

  /** Sets how far a stopped connector has come. */
  async setOffsets(
    name: string,
    values: readonly { readonly partition: unknown; readonly offset: unknown }[],
  ): Promise<void> {
    await this.call('PATCH', `/connectors/${encodeURIComponent(name)}/offsets`, { offsets: values });
  }

  /** Makes a stopped connector forget how far it has come. */
  async forgetOffsets(name: string): Promise<void> {
    await this.call('DELETE', `/connectors/${encodeURIComponent(name)}/offsets`);
  }

  private async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await this.fetched(method, path, body);
    const text = await response.text().catch(() => '');
    if (response.ok) return text === '' ? undefined : parsedJson(text);
    const refusal = refusalOf(text);
    if (refusal === undefined)
      throw new ConnectUnavailable(`Kafka Connect is not ready: it answers ${response.status} to ${method} ${path}`);
    const reason = `Kafka Connect answers ${response.status} to ${method} ${path}: ${withoutSecrets(refusal)}`;
    // 409: a rebalance is going on, or the connector is not in the state yet that the call needs; 5xx: Connect is starting or in trouble.
    throw response.status === 409 || response.status >= 500
      ? new ConnectUnavailable(reason)
      : new ConnectRejected(response.status, reason);
  }

  private async fetched(method: string, path: string, body?: unknown): Promise<Response> {
    try {
      return await fetch(this.base + path, {
        method,
        signal: AbortSignal.timeout(this.timeoutMs),
        ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      });
    } catch (error) {
      throw new ConnectUnavailable(`Kafka Connect does not answer ${method} ${path}`, { cause: error });
    }
  }

  private async ignoringAbsence(call: Promise<unknown>): Promise<void> {
    await call.catch((error: unknown) => {
      if (!(error instanceof ConnectRejected && error.status === 404)) throw error;
    });
  }
}

const stateOf = ({ state, trace }: { state: string; trace?: string | undefined }) => ({
  state,
  ...(trace !== undefined && { trace }),
});

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ConnectUnavailable('Kafka Connect answers with something that is not JSON');
  }
}

const refusals = z.object({ message: z.string() });

/** What Connect says against a request; undefined for an answer that is not Connect's own, such as its server's page while it starts. */
function refusalOf(text: string): string | undefined {
  try {
    return refusals.parse(JSON.parse(text)).message;
  } catch {
    return undefined;
  }
}

/** Connect's refusals and traces quote settings: addresses of databases lose everything that may be a password. */
export const withoutSecrets = (text: string) =>
  text.replace(/(mongodb(?:\+srv)?:\/\/)[^\s"',]*@/g, '$1…@').slice(0, 2_000);
