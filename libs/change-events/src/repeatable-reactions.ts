/** Brings a user's new email to their records. */
export const UPDATE_USER_EMAIL = 'update_user_email';

/**
 * The worker's reactions that are not `outward`, by name, for commands that work on a shard's database without the worker. A test of clinic-worker keeps
 * the list to what the reactions say of themselves.
 */
export const REPEATABLE_REACTIONS: readonly string[] = [
  'copy_data_sources',
  'end_custodial_account',
  'forget_user_account',
  'forget_user_records',
  'forget_user_sharing',
  'remove_deleted_tag',
  'save_custodial_profile',
  'stop_user_keys',
  UPDATE_USER_EMAIL,
];
