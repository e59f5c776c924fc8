/** Tiers of clinics (behaviour, "Clinics"). */
const TIERS = {
  tier0100: 'Free',
  tier0200: 'Standard',
  tier0300: 'Premium',
  tier0400: 'Enterprise',
} as const;

export type Tier = keyof typeof TIERS;

export const DEFAULT_TIER: Tier = 'tier0100';

/** What people call a tier. */
export const tierDescription = (tier: string) => (tier in TIERS ? TIERS[tier as Tier] : tier); // `in` says that it is one
