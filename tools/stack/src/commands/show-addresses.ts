import { say } from './command.ts';

export function showAddresses(addresses: [string, string][]): void {
  const width = Math.max(...addresses.map(([name]) => name.length));
  for (const [name, address] of addresses) say(`  ${name.padEnd(width)}  ${address}`);
}
