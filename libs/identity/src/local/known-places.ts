import type { Connection } from 'mongoose';

const COLLECTION = 'sign_in_places';
/** Longer than a holiday. */
const KEPT_DAYS = 30;

interface Place {
  readonly _id: string;
  readonly expireTime: Date;
}

/** From where people signed in lately, over all copies of the app. Whoever asks hashes the place before: it is kept as it comes. */
export class KnownPlaces {
  constructor(private readonly connection: Connection) {}

  static async prepare(connection: Connection): Promise<void> {
    await connection.collection(COLLECTION).createIndex({ expireTime: 1 }, { expireAfterSeconds: 0 });
  }

  async has(place: string): Promise<boolean> {
    return (await this.places.findOne({ _id: place, expireTime: { $gt: new Date() } })) !== null;
  }

  async add(place: string): Promise<void> {
    const expireTime = new Date(Date.now() + KEPT_DAYS * 86_400_000);
    await this.places.updateOne({ _id: place }, { $set: { expireTime } }, { upsert: true });
  }

  private get places() {
    return this.connection.collection<Place>(COLLECTION);
  }
}
