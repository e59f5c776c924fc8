import type { ChangeEvent } from '@caregate/change-events';
import { type AccountDocument, ANY_ACCOUNT, type Whose } from '@caregate/clinic-model';
import { MONGO, ServiceUnavailable } from '@caregate/service';
import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { type Connection, mongo } from 'mongoose';
import { from, lastValueFrom, type Observable, of } from 'rxjs';
import { AccountDoor } from './account-door.ts';
import { WITHOUT_DOOR } from './without-door.ts';
import { verdictOn } from './part-of-move.ts';

/** Holds reactions back while an account moves, and leaves out what a move itself has changed. */
@Injectable()
export class MoveInterceptor implements NestInterceptor {
  constructor(
    private readonly door: AccountDoor,
    private readonly reflector: Reflector,
    @Inject(MONGO) private readonly connection: Connection,
  ) {}

  /** @throws {ServiceUnavailable} to be tried again, while the account is about to move or on its way here */
  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const event: unknown = context.switchToRpc().getData();
    const withoutDoor = this.reflector.get<true | undefined>(WITHOUT_DOOR, context.getHandler()) === true;
    if (!isChange(event)) return withoutDoor ? next.handle() : this.react(ANY_ACCOUNT, next); // a user event may reach any clinic
    const accountId = await this.accountOf(event);
    if (accountId === undefined) return next.handle();
    const account = await this.connection
      .collection<AccountDocument>('accounts')
      .findOne({ _id: accountId as AccountDocument['_id'] }, { projection: { moved: 1, arrived: 1 } }); // as clinics hold it
    const verdict = verdictOn(event, account ?? undefined);
    if (verdict === 'react' && !withoutDoor) return this.react(accountId, next);
    if (verdict === 'react' || verdict === 'tell only') return next.handle();
    if (verdict === 'wait for the account') throw new ServiceUnavailable('the account is on its way here');
    return of(verdict);
  }

  private react(whose: Whose, next: CallHandler): Observable<unknown> {
    return from(this.door.through(whose, () => lastValueFrom(next.handle())));
  }

  private async accountOf(event: ChangeEvent): Promise<string | undefined> {
    const clinicId = await this.clinicOf(event);
    if (!(clinicId instanceof mongo.ObjectId)) return undefined;
    const clinic = await this.connection
      .collection('clinics')
      .findOne({ _id: clinicId }, { projection: { accountId: 1 } });
    if (typeof clinic?.accountId === 'string') return clinic.accountId;
    const gone = await this.connection
      .collection<AccountDocument>('accounts')
      .findOne({ 'moved.clinics': clinicId, 'moved.moveId': { $exists: true } }, { projection: { _id: 1 } });
    return gone?._id;
  }

  private async clinicOf({ ns, documentKey: { _id }, fullDocument }: ChangeEvent): Promise<unknown> {
    if (ns.coll === 'clinics') return _id;
    const found =
      IN_CLINICS.includes(ns.coll) && _id instanceof mongo.ObjectId
        ? await this.connection.collection(ns.coll).findOne({ _id }, { projection: { clinicId: 1 } })
        : undefined;
    return found?.clinicId ?? fullDocument?.['clinicId'];
  }
}

/** Whose clinic a document is in says the document; the event only where the document is gone. */
const IN_CLINICS = ['clinicians', 'patients', 'migrations', 'patient_invites'];

const isChange = (event: unknown): event is ChangeEvent =>
  typeof event === 'object' && event !== null && 'ns' in event && 'documentKey' in event;

/** Marks a class of reactions, so that each of them honours moves. */
export function honouringMoves<T extends abstract new (...given: never[]) => unknown>(reaction: T): T {
  UseInterceptors(MoveInterceptor)(reaction);
  return reaction;
}
