import { SetMetadata } from '@nestjs/common';

export const WITHOUT_DOOR = Symbol('WITHOUT_DOOR');

/**
 * Marks a reaction that does not hold its account's door, so that it keeps no move waiting however long it takes: one that only sends
 * emails (notes of them follow an account that has moved), or one that goes through the door by itself, for a moment at a time.
 */
export const WithoutDoor = (): MethodDecorator => SetMetadata(WITHOUT_DOOR, true);
