import { greetedAs, knownEmail, knownName, type PatientDocument } from '@caregate/clinic-model';
import { IdentityService, isUserId } from '@caregate/identity';
import type { Recipient } from '@caregate/mail';
import { Injectable } from '@nestjs/common';

/** Finds the address and the name of people. Names and addresses are asked for when an email is due, and kept nowhere. */
@Injectable()
export class Addressees {
  constructor(private readonly identity: IdentityService) {}

  /** Undefined for a user who is gone or has no email. */
  async find(userId: string): Promise<Recipient | undefined> {
    const [address, name] = await Promise.all([this.addressOf(userId), this.nameOf(userId)]);
    if (address === undefined) return undefined;
    return { address, ...(name !== undefined && { name }) };
  }

  /** Undefined for a user who is gone or told no name, and for services. */
  async nameOf(userId: string): Promise<string | undefined> {
    if (!isUserId(userId)) return undefined;
    return knownName((await this.identity.profile(userId))?.fullName);
  }

  private async addressOf(userId: string): Promise<string | undefined> {
    return knownEmail((await this.identity.findUser(userId))?.email);
  }
}

/** A patient as the recipient of a mail. */
export function recipientOf(
  patient: Pick<PatientDocument, 'fullName' | 'email' | 'userId'>,
  address: string,
): Recipient {
  const { recipientName: name } = greetedAs(patient);
  return { address, ...(name !== undefined && { name }) };
}
