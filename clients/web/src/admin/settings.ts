import type { AdminSetting, SettingSource } from '@boltorezka/client';

export const SOURCES: Record<SettingSource, string> = {
  default: 'Default',
  file: 'File',
  environment: 'Environment',
  flag: 'Flag',
};

/** Those whose name, value or meaning holds what is searched for. */
export function matching(settings: readonly AdminSetting[], search: string): AdminSetting[] {
  const words = search.toLowerCase().split(/\s+/);
  const text = (setting: AdminSetting) => `${setting.key} ${setting.value ?? ''} ${setting.meaning}`.toLowerCase();
  return settings.filter((setting) => words.every((word) => text(setting).includes(word)));
}

/** What is shown of a value. */
export function valueText(setting: AdminSetting): string {
  if (setting.secret) return setting.isSet ? 'set' : 'not set';
  return plain(setting.value ?? '');
}

/** Without the marks that the documentation puts around names. */
export function plain(text: string): string {
  return text.replaceAll('`', '');
}
