import { TextField } from '../ui/field.tsx';

/** Fewest characters of a password, as the server demands. */
export const PASSWORD_LENGTH_MIN = 10;

export function EmailField() {
  return <TextField label="E-mail" name="email" type="email" autoComplete="username" isRequired />;
}

export function PasswordField({ isNew }: { isNew: boolean }) {
  return (
    <TextField
      label="Password"
      name="password"
      type="password"
      autoComplete={isNew ? 'new-password' : 'current-password'}
      isRequired
      {...(isNew ? { minLength: PASSWORD_LENGTH_MIN, description: `At least ${PASSWORD_LENGTH_MIN} characters` } : {})}
    />
  );
}

/** Shows that it is you: by the password, or, where there is none, by having signed in a moment ago. */
export function ProofField({ hasPassword }: { hasPassword: boolean }) {
  if (hasPassword) return <PasswordField isNew={false} />;
  return <p>Your account has no password: this works within ten minutes of signing in.</p>;
}

export function CodeField() {
  return (
    <TextField
      label="Code"
      name="code"
      autoComplete="one-time-code"
      description="What your authenticator shows, or a recovery code"
      autoFocus
      isRequired
    />
  );
}

export function DisplayNameField() {
  return (
    <TextField
      label="Display name"
      name="displayName"
      autoComplete="name"
      description="What others see in rooms"
      maxLength={64}
      isRequired
    />
  );
}
