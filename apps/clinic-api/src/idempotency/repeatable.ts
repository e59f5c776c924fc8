/**
 * Operations by POST that can be carried out again without harm: they set something, or go on where they stopped.
 * When a server stopped between such a change and its answer, a repeated request carries it out again. The others make something
 * new or have mail sent; there the repeated request is told that it was carried out and that the answer is lost.
 */
export const REPEATABLE: ReadonlySet<string> = new Set([
  'UpdateTier',
  'UpdateSuppressedNotifications',
  'RefreshPatientCount',
  'UpdatePatientSummary',
  'AssignPatientTagToClinicPatients',
  'DeletePatientTagFromClinicPatients',
  'ConvertPatientTagToSite',
  'MergeSite',
  'UpdateClinicUserDetails',
  'GenerateMergeReport',
  'MergeClinic',
]);
