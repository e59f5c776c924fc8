/** Where the links in emails lead. Ids are made part of a path, whatever they hold. */
export class Links {
  private readonly base: string;

  constructor(base: string) {
    this.base = base;
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
