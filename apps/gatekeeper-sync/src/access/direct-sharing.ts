import { SharingRepository } from '@caregate/identity';
import { InjectMongo } from '@caregate/service';
import { Injectable } from '@nestjs/common';
import type { Connection } from 'mongoose';

/** What users share with each other, where it is kept: in the clinic database, whose changes the gatekeeper database follows. */
@Injectable()
export class DirectSharing extends SharingRepository {
  constructor(@InjectMongo() connection: Connection) {
    super(connection);
  }
}
