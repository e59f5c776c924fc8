/** Where the links in emails lead. Ids are made part of a path, whatever they hold. */
export class Links {
  private readonly base: string;
  private readonly api: string;

  /** @param base of the web app; @param api of the shard's API, which serves the page that confirms an account */
  constructor(base: string, api: string) {
    this.base = base;
    this.api = api;
  }

  confirmation(accountId: string, secret: string): string {
    return `${this.api}/sign-up/${encodeURIComponent(accountId)}/${secret}`;
  }

  clinic(clinicId: string): string {
    return `${this.base}/clinics/${encodeURIComponent(clinicId)}`;
  }

  invitesOfPatients(clinicId: string): string {
    return `${this.clinic(clinicId)}/invites`;
  }

  /** The secret stands behind the #: browsers keep that to themselves, so it is in no server's log. */
  inviteOfClinician(inviteId: string, secret: string | undefined): string {
    return `${this.base}/invites/${encodeURIComponent(inviteId)}${secret === undefined ? '' : `#${secret}`}`;
  }

  claim(userId: string): string {
    return `${this.base}/claim/${encodeURIComponent(userId)}`;
  }

  connect(provider: string): string {
    return `${this.base}/connect/${encodeURIComponent(provider)}`;
  }

  upload(): string {
    return `${this.base}/upload`;
  }

  sharing(): string {
    return `${this.base}/settings/sharing`;
  }
}
