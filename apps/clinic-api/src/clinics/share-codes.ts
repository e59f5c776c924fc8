import { Injectable } from '@nestjs/common';
import { drawShareCode } from '@caregate/clinic-model';
import { isDuplicateKey, ServiceUnavailable } from '@caregate/service';

const ATTEMPTS = 100;

/** Gives new clinics their share codes. */
@Injectable()
export class ShareCodes {
  draw(): string {
    return drawShareCode();
  }

  /** Runs `use` with a fresh code, and again with another when a clinic has that code already (behaviour, "Clinics"). */
  async withFreshCode<T>(use: (shareCode: string) => Promise<T>): Promise<T> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      try {
        return await use(this.draw());
      } catch (error) {
        if (!isDuplicateKey(error, 'shareCodes')) throw error;
      }
    }
    throw new ServiceUnavailable('no free share code was found; try again');
  }
}
