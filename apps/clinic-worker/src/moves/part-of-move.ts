import type { ChangeEvent } from '@caregate/change-events';
import type { AccountDocument } from '@caregate/clinic-model';

type Event = Pick<ChangeEvent, 'clusterTime' | 'ns' | 'changedSince'>;
type Account = Pick<AccountDocument, 'moved' | 'arrived'>;

/** What a reaction does to a change, with regard to a move of the account between shards. */
export type Verdict =
  'react' | 'tell only' | 'nothing, a move brought it' | 'nothing, the account has moved' | 'wait for the account';

/**
 * A change is reacted to on the shard where it happened: what a move brings was reacted to where it came from, so no email is sent again.
 * A migration goes on where the account is. What is deleted where the account was says nothing.
 * @param account undefined for one that is only on its way here
 */
export function verdictOn(event: Event, account: Account | undefined): Verdict {
  const goesOn = event.ns.coll === 'migrations';
  if (!account) return goesOn ? 'wait for the account' : 'nothing, a move brought it';
  if (account.moved) {
    const before = event.clusterTime !== undefined && event.clusterTime.time.getTime() <= account.moved.time.getTime();
    return before && !goesOn ? 'tell only' : 'nothing, the account has moved';
  }
  // Notes of what was done came with the account, so what a snapshot since a loss shows is done at most once.
  if (account.arrived && !goesOn && event.changedSince === undefined && !isAfter(event, account.arrived))
    return 'nothing, a move brought it';
  return 'react';
}

function isAfter({ clusterTime }: Event, { through }: NonNullable<Account['arrived']>): boolean {
  if (!clusterTime) return false; // a document that was copied as it was found
  const seconds = Math.floor(clusterTime.time.getTime() / 1000);
  return seconds > through.t || (seconds === through.t && clusterTime.ordinal > through.i);
}
