import { adviceOnMongo } from '@caregate/service/mongo-advice';
import mongoose, { type Connection } from 'mongoose';
import { CommandFailed } from './command-failed.ts';
import { setting } from './settings.ts';

const PATIENCE_MS = 5_000;

/**
 * Does something with the database whose address is in a setting, and closes the connection.
 * @throws {CommandFailed} when the setting is missing or the database cannot be reached; it names the setting, and not the address, which
 * may hold a password
 */
export async function withDatabase<T>(
  name: 'MONGODB_URI' | 'GATEKEEPER_MONGODB_URI',
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const address = setting(name, 'the database, such as mongodb://host:port/clinic_au1');
  const connection = await connectTo(name, address);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

async function connectTo(name: string, address: string): Promise<Connection> {
  try {
    return await mongoose.createConnection(address, { serverSelectionTimeoutMS: PATIENCE_MS }).asPromise();
  } catch (error) {
    const advice = adviceOnMongo(error) ?? 'is it right, and does MongoDB run there?';
    throw new CommandFailed(`MongoDB cannot be reached at the address in ${name}: ${advice}`);
  }
}
