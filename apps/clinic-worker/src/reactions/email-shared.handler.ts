import { Reaction } from '@caregate/change-events';
import { CLINIC_MODELS, type ClinicModels } from '@caregate/clinic-model';
import { IdentityService, type UserId } from '@caregate/identity';
import { emailShared, Mail } from '@caregate/mail';
import { CONFIG } from '@caregate/service';
import { Controller, Inject } from '@nestjs/common';
import type { ClinicWorkerConfig } from '../config.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import type { UserEvent } from '../streams/user-events.ts';
import { BY_MAIL } from './by-mail.ts';

/** A move brought a user whose email another user here has: both have the one address, which is told what to do with either. */
@Controller()
export class EmailShared {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(CONFIG) private readonly config: ClinicWorkerConfig,
    private readonly identity: IdentityService,
    private readonly mail: Mail,
  ) {}

  @WithoutDoor()
  @Reaction<UserEvent>({
    name: 'email_shared',
    stream: 'users',
    when: ({ type }) => type === 'email shared',
    ...BY_MAIL,
  })
  async tell(event: UserEvent): Promise<string | undefined> {
    if (event.type !== 'email shared') return undefined;
    const arrived = await this.identity.findUser(event.userId);
    const holder = arrived?.email === undefined ? undefined : await this.identity.findUser(arrived.email);
    if (arrived?.email === undefined || !holder || holder.userId === arrived.userId)
      return 'nobody else has the email any more';
    const clinicId = await this.clinicOf(arrived.userId);
    return this.mail.deliver({
      deliveryId: `email_shared:${arrived.userId}`,
      template: emailShared,
      to: { address: arrived.email },
      userId: arrived.userId,
      ...(clinicId !== undefined && { clinicId }),
      data: {
        shardLink: `${this.config.SHARD_ID}.${this.config.DOMAIN}`,
        arrivedSignsIn: arrived.hasPassword === true,
        holderSignsIn: holder.hasPassword === true,
      },
    });
  }

  /** By it the emails of one account take turns with those of others. */
  private async clinicOf(userId: UserId): Promise<string | undefined> {
    const { patients, clinicians } = this.models;
    const record =
      (await patients.findOne({ userId }, { clinicId: 1 }).lean()) ??
      (await clinicians.findOne({ userId }, { clinicId: 1 }).lean());
    return record?.clinicId.toHexString();
  }
}
