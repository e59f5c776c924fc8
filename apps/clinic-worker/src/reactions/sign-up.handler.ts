import { type ChangedSignUp, type ChangeEvent, Reaction } from '@caregate/change-events';
import { type AccountId, CLINIC_MODELS, type ClinicModels, type SignUpDocument } from '@caregate/clinic-model';
import { IdentityService, LinkSecrets } from '@caregate/identity';
import { Mail, signUpConfirmation } from '@caregate/mail';
import { CONFIG } from '@caregate/service';
import { Controller, Inject } from '@nestjs/common';
import type { ClinicWorkerConfig } from '../config.ts';
import { Links } from '../links.ts';
import { WithoutDoor } from '../moves/without-door.ts';
import { BY_MAIL } from './by-mail.ts';

/** An account was signed up: whoever has the address gets the link that proves it, and is told what the address is here already. */
@Controller()
export class SignedUp {
  constructor(
    @Inject(CLINIC_MODELS) private readonly models: ClinicModels,
    @Inject(CONFIG) private readonly config: ClinicWorkerConfig,
    private readonly identity: IdentityService,
    private readonly secrets: LinkSecrets,
    private readonly mail: Mail,
    private readonly links: Links,
  ) {}

  @WithoutDoor()
  @Reaction<ChangeEvent<ChangedSignUp>>({
    name: 'sign_up_confirmation',
    stream: 'signUps',
    when: ({ operationType }) => operationType === 'insert',
    ...BY_MAIL,
  })
  async mailLink({ documentKey }: ChangeEvent<ChangedSignUp>): Promise<string> {
    const accountId = String(documentKey._id) as AccountId; // as the collection has them
    const signUp = await this.models.signUps
      .findOne({ _id: accountId, expiresTime: { $gt: new Date() } })
      .lean<SignUpDocument>();
    if (!signUp) return 'the account is confirmed, or nobody wanted it any more';
    const secret = this.secrets.secretOf('sign-up', accountId);
    if (secret === undefined) throw new Error('there is no key for links in mails; set LINK_SECRET as in clinic-api');
    const { email } = signUp.owner;
    return this.mail.deliver({
      deliveryId: `sign_up_confirmation:${accountId}`,
      template: signUpConfirmation,
      to: { address: email },
      data: {
        addressLink: `${signUp.subdomain}.${this.config.SHARD_ID}.${this.config.DOMAIN}`,
        confirmationLink: this.links.confirmation(accountId, secret),
        ...(await this.standingOf(email)),
      },
    });
  }

  private async standingOf(email: string) {
    if (this.config.IDENTITY === 'http') return { remote: true };
    const user = await this.identity.findUser(email);
    return { isUser: user?.hasPassword === true, isPatient: user?.hasPassword === false };
  }
}
