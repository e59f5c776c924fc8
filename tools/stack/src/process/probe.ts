import { connect } from 'node:net';

/** Whether somebody accepts connections there. */
export function accepts(host: string, port: number, withinMs = 1_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: withinMs });
    const answer = (value: boolean) => () => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', answer(true));
    socket.once('error', answer(false));
    socket.once('timeout', answer(false));
  });
}

/** Whether a GET of the URL is answered with 200. */
export async function answersOk(url: string, withinMs = 2_000): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(withinMs) });
  await response.body?.cancel();
  return response.status === 200;
}
